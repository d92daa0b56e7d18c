namespace NodeAgent.Repository.Tests.Collection.Simulation;

/// <summary>A schedule found the protocol wrong.</summary>
internal sealed class ScheduleFailedException(string why) : Exception(why);
