using BenchmarkDotNet.Running;
using NodeAgent.Benchmarks.Budgets;
using NodeAgent.Benchmarks.Growth;
using NodeAgent.Benchmarks.Index;
using NodeAgent.Benchmarks.Maintenance;
using NodeAgent.Benchmarks.Stages;

if (args is ["index-scale", .. var rest]) return await IndexScale.RunAsync(rest);
if (args is ["maintenance-repository", .. var maintenance]) return await MaintenanceRepository.RunAsync(maintenance);
if (args is ["stages", .. var stages]) return StageSpeeds.Run(stages);
if (args is ["budgets", .. var budgets]) return await BudgetCheck.RunAsync(budgets);
if (args is ["snapshots", .. var snapshots]) return await SnapshotSeries.RunAsync(snapshots);
BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args);
return 0;
