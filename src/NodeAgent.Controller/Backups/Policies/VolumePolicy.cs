namespace NodeAgent.Controller.Backups.Policies;

/// <summary>What is done with volumes that meet all of the conditions.</summary>
/// <param name="Parameters">Further wishes, of which <c>snapshotClass</c> and <c>dataMover</c> belong to snapshots.</param>
/// <param name="Line">Where the policy begins in its ConfigMap.</param>
internal sealed record VolumePolicy(VolumeConditions Conditions, VolumeAction Action, IReadOnlyDictionary<string, string> Parameters, long Line)
{
    /// <summary>Whether it is one of the server's, which every backup has behind its own.</summary>
    public bool IsOfServer { get; init; }

    /// <summary>How messages call it.</summary>
    public string Place => $"{(IsOfServer ? "the server's volume policy" : "the resource policy")} of line {Line}";
}
