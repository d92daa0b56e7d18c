namespace NodeAgent.DevCluster.Demo;

/// <summary>What the user asked of the demo.</summary>
/// <param name="Source">The tree whose copy fills the volume; an absolute path.</param>
/// <param name="Keep">Leave the cluster running afterwards, until Ctrl-C.</param>
internal sealed record DemoOptions(string Source, bool Keep);
