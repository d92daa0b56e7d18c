namespace NodeAgent.Cli.Invocation;

/// <summary>What was asked for makes no sense as it stands; the message says what to give instead.</summary>
internal sealed class UsageException(string message) : Exception(message);
