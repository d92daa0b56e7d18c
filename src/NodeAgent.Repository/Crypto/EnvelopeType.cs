namespace NodeAgent.Repository.Crypto;

/// <summary>What an envelope holds. Encrypted with the content, so a store cannot tell one from another.</summary>
public enum EnvelopeType : byte
{
    /// <summary>A chunk of file data.</summary>
    DataChunk = 1,

    /// <summary>A chunk of directory records.</summary>
    TreeChunk = 2,

    /// <summary>A list of the chunks of one large file.</summary>
    ListChunk = 3,

    /// <summary>The directory of a pack.</summary>
    PackFooter = 4,

    /// <summary>A segment of the index.</summary>
    IndexSegment = 5,

    /// <summary>A snapshot.</summary>
    Snapshot = 6,

    /// <summary>The mark that a snapshot is forgotten.</summary>
    Forget = 7,

    /// <summary>A session's announcement.</summary>
    SessionRecord = 8,

    /// <summary>A record of the garbage collector.</summary>
    GcRecord = 9,
}
