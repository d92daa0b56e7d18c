namespace NodeAgent.Repository.Crypto;

/// <summary>Root keys could not be unwrapped. The caller adds which key object it was, and tries the next.</summary>
public sealed class KeyUnwrapException : Exception
{
    public KeyUnwrapException(KeyUnwrapFailure failure)
        : base(Describe(failure)) => Failure = failure;

    /// <summary>Why.</summary>
    public KeyUnwrapFailure Failure { get; }

    private static string Describe(KeyUnwrapFailure failure) => failure switch
    {
        KeyUnwrapFailure.Malformed => "the key object is damaged or of a newer version",
        KeyUnwrapFailure.OtherKind => "the key object is for the other kind of secret (raw key or passphrase)",
        KeyUnwrapFailure.CostOutOfBounds => "the key object asks for more than 1 GiB of memory, 64 passes or 16 lanes; it is not one of ours",
        _ => "the key or passphrase is not the one of this key object, or the key object is damaged",
    };
}
