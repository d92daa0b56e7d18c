namespace NodeAgent.Controller.Work;

/// <summary>The object of a backup or restore went away while its run worked.</summary>
internal sealed class RunObjectDeletedException(string message) : Exception(message);
