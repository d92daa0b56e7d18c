namespace NodeAgent.Hosting.Logging;

public enum LogFormat
{
    /// <summary>One line of names and values, as Velero's servers write by default.</summary>
    Text,

    /// <summary>One JSON object a line.</summary>
    Json,
}
