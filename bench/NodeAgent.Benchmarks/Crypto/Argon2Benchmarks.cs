using BenchmarkDotNet.Attributes;
using NodeAgent.Repository.Crypto;

namespace NodeAgent.Benchmarks.Crypto;

/// <summary>What unlocking a repository by passphrase costs, at the default parameters.</summary>
public class Argon2Benchmarks
{
    private readonly byte[] _key = new byte[32];
    private readonly byte[] _salt = new byte[32];

    [Benchmark]
    public void Default_cost() => Argon2.DeriveKey("passphrase"u8, _salt, Argon2Parameters.Default, _key);
}
