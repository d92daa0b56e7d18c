namespace NodeAgent.Repository.Index;

/// <summary>A key's three places in a filter, and what their bytes make together when the key was put in.</summary>
internal readonly record struct FuseProbe(int First, int Second, int Third, byte Fingerprint);
