namespace NodeAgent.Stores.Requests;

/// <summary>How long and how hard a store tries again.</summary>
public sealed record RetryOptions
{
    /// <summary>For agent and controller, which nobody waits for in front of a screen: an endpoint may restart meanwhile.</summary>
    public static RetryOptions ForServers { get; } = new();

    /// <summary>For the command line: two minutes, and 15 s for an endpoint that has never answered, which is a wrong address more often than an outage.</summary>
    public static RetryOptions ForCommandLine { get; } = new() { GiveUpAfter = TimeSpan.FromMinutes(2), GiveUpFirstContactAfter = TimeSpan.FromSeconds(15) };

    /// <summary>For a backup's own files: an outage in the middle is waited out, an endpoint that has never answered is soon told of.</summary>
    public static RetryOptions ForController { get; } = new() { GiveUpFirstContactAfter = TimeSpan.FromSeconds(15) };

    /// <summary>For a look at whether a location works, which is repeated anyway.</summary>
    public static RetryOptions ForChecks { get; } = new() { GiveUpAfter = TimeSpan.FromSeconds(15), GiveUpFirstContactAfter = TimeSpan.FromSeconds(5), IdleTimeout = TimeSpan.FromSeconds(10) };

    /// <summary>Time from the first attempt after which a failed one is not repeated.</summary>
    public TimeSpan GiveUpAfter { get; init; } = TimeSpan.FromMinutes(15);

    /// <summary>The same for connections that cannot be made, as long as the endpoint has not answered once.</summary>
    public TimeSpan GiveUpFirstContactAfter { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>The first wait is drawn from zero to this; each further range is twice as long.</summary>
    public TimeSpan BaseDelay { get; init; } = TimeSpan.FromSeconds(0.2);

    /// <summary>The longest range to draw a wait from.</summary>
    public TimeSpan MaxDelay { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>A connection on which no byte has moved for so long is given up.</summary>
    public TimeSpan IdleTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Requests under way at once, at most.</summary>
    public int MaxConcurrency { get; init; } = 32;
}
