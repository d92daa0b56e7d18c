namespace NodeAgent.Repository.Crypto;

/// <summary>Why root keys could not be unwrapped.</summary>
public enum KeyUnwrapFailure
{
    /// <summary>Not a key wrap of a known version, or damaged outside its encrypted part.</summary>
    Malformed = 1,

    /// <summary>Made for a passphrase and tried with a raw key, or the other way round.</summary>
    OtherKind = 2,

    /// <summary>It asks for more memory or time than is permitted.</summary>
    CostOutOfBounds = 3,

    /// <summary>The secret is another one, or the wrap is damaged.</summary>
    WrongSecret = 4,
}
