namespace NodeAgent.Repository.Tests.Faults;

/// <summary>Stands for the death of the process: nothing is supposed to know this type.</summary>
internal sealed class StoppedException() : Exception("the process was stopped here");
