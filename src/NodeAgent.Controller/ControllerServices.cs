using Microsoft.Extensions.Logging;
using NodeAgent.Controller.Snapshots;

namespace NodeAgent.Controller;

/// <summary>What every reconciler needs of the process: its clock, its instruments, its log and the places for volume snapshots.</summary>
internal sealed record ControllerServices(TimeProvider Time, Telemetry Telemetry, ILogger Log, SnapshotLocations Snapshots);
