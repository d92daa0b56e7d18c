using Microsoft.Extensions.Logging;

namespace NodeAgent.Controller;

/// <summary>What every reconciler needs of the process: its clock, its instruments and its log.</summary>
internal sealed record ControllerServices(TimeProvider Time, Telemetry Telemetry, ILogger Log);
