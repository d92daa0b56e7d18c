using System.CommandLine;
using NodeAgent.DevCluster;

var root = new RootCommand("An embedded Kubernetes API server with stand-in kubelets, for demonstrations and tests.");
root.Subcommands.Add(ServeCommand.Create());
// Further verbs (demo) are added here, one line each.
return await root.Parse(args).InvokeAsync();
