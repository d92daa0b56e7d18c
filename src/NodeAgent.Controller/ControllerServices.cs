using Microsoft.Extensions.Logging;
using NodeAgent.Controller.Cluster;

namespace NodeAgent.Controller;

/// <summary>What every reconciler needs of the process: its clock, its instruments, its log and its way into containers.</summary>
internal sealed record ControllerServices(TimeProvider Time, Telemetry Telemetry, ILogger Log, PodExec Exec);
