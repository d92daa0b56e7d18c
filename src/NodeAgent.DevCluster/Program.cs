using System.CommandLine;
using NodeAgent.DevCluster;
using NodeAgent.DevCluster.Demo;

var root = new RootCommand("An embedded Kubernetes API server with stand-in kubelets, for demonstrations and tests.");
root.Subcommands.Add(ServeCommand.Create());
root.Subcommands.Add(DemoCommand.Create());
// Ctrl-C stops in good order: processes, mounts and directories that were made are removed, which takes longer than the usual two seconds.
return await root.Parse(args).InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = TimeSpan.FromMinutes(1) });
