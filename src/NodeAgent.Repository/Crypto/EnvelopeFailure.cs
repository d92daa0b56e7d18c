namespace NodeAgent.Repository.Crypto;

/// <summary>Why an envelope could not be opened.</summary>
public enum EnvelopeFailure
{
    /// <summary>Too short to be an envelope.</summary>
    Truncated = 1,

    /// <summary>Sealed in a session that the reader does not know, or its first 16 bytes are damaged.</summary>
    UnknownSession = 2,

    /// <summary>Damaged, forged, or read under the wrong associated data.</summary>
    NotAuthentic = 3,

    /// <summary>Authentic, but its inner header is none that this version writes.</summary>
    InvalidHeader = 4,
}
