namespace NodeAgent.Repository.Parity;

/// <summary>The JSON of a policy.</summary>
internal sealed record ParityPolicyJson(int Percent);
