using System.CommandLine;
using NodeAgent.DevCluster;

var root = new RootCommand("An embedded Kubernetes API server with stand-in kubelets, for demonstrations and tests.");
root.Subcommands.Add(ServeCommand.Create());
return await root.Parse(args).InvokeAsync();
