namespace NodeAgent.Agent;

/// <summary>A volume cannot be backed up or restored; the message is one line for the object's status: what, where, why, what to do.</summary>
internal sealed class AgentException(string message) : Exception(message);
