namespace NodeAgent.Controller.Snapshots.Aws;

/// <summary>EC2 refused a request.</summary>
/// <param name="code">Its own word for the reason.</param>
internal sealed class Ec2Exception(string message, string code) : SnapshotException(message)
{
    public string Code => code;
}
