namespace NodeAgent.Repository.Crypto;

/// <summary>What a repository is unlocked with. The values are written to key objects.</summary>
public enum RepositorySecretKind : byte
{
    /// <summary>32 random bytes.</summary>
    RawKey = 1,

    /// <summary>Text that a person chose.</summary>
    Passphrase = 2,
}
