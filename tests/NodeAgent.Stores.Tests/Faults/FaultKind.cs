namespace NodeAgent.Stores.Tests.Faults;

/// <summary>What a proxy can do to a request.</summary>
internal enum FaultKind
{
    /// <summary>Nothing: the request and its answer pass.</summary>
    None,

    /// <summary>500 InternalError; the request goes no further.</summary>
    InternalError,

    /// <summary>503 SlowDown; the request goes no further.</summary>
    SlowDown,

    /// <summary>The connection is reset when the head of the request has come.</summary>
    ResetBefore,

    /// <summary>Half of the request's body goes on to the server, then both connections are reset.</summary>
    ResetInBody,

    /// <summary>The server carries the request out; instead of its answer comes a reset.</summary>
    LostAnswer,

    /// <summary>The server carries the request out; instead of its answer comes 500.</summary>
    LostAnswerBehind500,

    /// <summary>The answer's head and half of its body, then the connection is closed in good order.</summary>
    HalfAnswer,

    /// <summary>A listing is answered as it was answered once before.</summary>
    StaleList,

    /// <summary>The request waits a little, and the answer too.</summary>
    Delay,
}
