namespace NodeAgent.Cli.Terminal;

/// <summary>The other end of standard output was closed, as `head` does once it has enough. Ends the command quietly.</summary>
internal sealed class OutputClosedException() : IOException("standard output was closed by its reader");
