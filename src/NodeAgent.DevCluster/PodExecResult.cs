namespace NodeAgent.DevCluster;

/// <summary>How a command in a container ended.</summary>
public sealed record PodExecResult(int ExitCode, string Stdout = "", string Stderr = "");
