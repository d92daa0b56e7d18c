namespace NodeAgent.Repository.Tests.Faults;

/// <summary>In what state a process that dies in the middle of a put leaves the directory.</summary>
public enum StopMode
{
    /// <summary>Nothing of the put is there.</summary>
    Before,

    /// <summary>The temporary file is there, half written.</summary>
    Torn,

    /// <summary>The object is there; who put it never learnt that.</summary>
    After,
}
