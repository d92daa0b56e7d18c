namespace NodeAgent.Stores.Requests;

/// <summary>What a request told about the load that the endpoint bears.</summary>
internal enum RequestOutcome
{
    /// <summary>It was answered.</summary>
    Succeeded,

    /// <summary>The endpoint asked to slow down.</summary>
    Throttled,

    /// <summary>It failed for another reason, which tells nothing about the load.</summary>
    Failed,
}
