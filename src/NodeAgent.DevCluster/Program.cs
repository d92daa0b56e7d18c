using System.CommandLine;
using NodeAgent.DevCluster;
using NodeAgent.DevCluster.Demo;

var root = new RootCommand("An embedded Kubernetes API server with stand-in kubelets, for demonstrations and tests.");
root.Subcommands.Add(ServeCommand.Create());
root.Subcommands.Add(DemoCommand.Create());
return await root.Parse(args).InvokeAsync();
