namespace NodeAgent.Repository.Crypto;

/// <summary>An envelope could not be opened. The caller adds which object it was and at what offset.</summary>
public sealed class EnvelopeException : Exception
{
    public EnvelopeException(EnvelopeFailure failure)
        : base(Describe(failure)) => Failure = failure;

    /// <summary>Why.</summary>
    public EnvelopeFailure Failure { get; }

    private static string Describe(EnvelopeFailure failure) => failure switch
    {
        EnvelopeFailure.Truncated => "the envelope is too short",
        EnvelopeFailure.UnknownSession => "the envelope was sealed in an unknown session, or its first 16 bytes are damaged",
        EnvelopeFailure.NotAuthentic => "the envelope is damaged, or belongs in another place",
        _ => "the envelope is authentic but its header is not known to this version",
    };
}
