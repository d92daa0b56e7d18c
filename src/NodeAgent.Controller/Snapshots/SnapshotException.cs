namespace NodeAgent.Controller.Snapshots;

/// <summary>A storage system did not do what was asked of it; the message is one line that says what, where and why.</summary>
internal class SnapshotException(string message, Exception? cause = null) : Exception(message, cause);
