using System.CommandLine;

namespace NodeAgent.DevCluster;

/// <summary><c>serve</c>: runs a cluster until it is told to stop.</summary>
internal static class ServeCommand
{
    private static readonly Option<string> DirectoryOption = new("--dir")
    {
        Description = "where the kubeconfig, the nodes and the volumes go",
        DefaultValueFactory = _ => Path.Combine(Path.GetTempPath(), $"nodeagent-devcluster-{Environment.UserName}"),
    };

    private static readonly Option<int> PortOption = new("--port") { Description = "the port on 127.0.0.1; 0 for any free one" };

    private static readonly Option<int> NodesOption = new("--nodes") { Description = "how many nodes", DefaultValueFactory = _ => 1 };

    public static Command Create()
    {
        var command = new Command("serve", "Serve a cluster on 127.0.0.1 until Ctrl-C or SIGTERM.") { DirectoryOption, PortOption, NodesOption };
        command.SetAction(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(ParseResult arguments, CancellationToken cancellation)
    {
        var options = new EmbeddedClusterOptions
        {
            Directory = arguments.GetRequiredValue(DirectoryOption),
            Port = arguments.GetValue(PortOption),
            Nodes = [.. Enumerable.Range(1, Math.Clamp(arguments.GetValue(NodesOption), 1, 100)).Select(i => $"node-{i}")],
        };
        try
        {
            await using var cluster = await EmbeddedCluster.StartAsync(options, cancellation);
            Console.WriteLine($"Kubernetes API  {cluster.Address}");
            Console.WriteLine($"kubeconfig      {cluster.KubeconfigPath}");
            Console.WriteLine($"pod volumes     {cluster.KubeletPodsDirectory(options.Nodes[0])}");
            Console.WriteLine();
            Console.WriteLine($"    export KUBECONFIG={cluster.KubeconfigPath}");
            Console.WriteLine("    kubectl get pods -A");
            Console.WriteLine();
            Console.WriteLine("Ctrl-C stops it and removes everything it made.");
            try
            {
                await Task.Delay(Timeout.Infinite, cancellation);
            }
            catch (OperationCanceledException)
            {
                // Ctrl-C or SIGTERM: the cluster is disposed of on the way out.
            }
            return 0;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            await Console.Error.WriteLineAsync($"devcluster: cannot serve: {e.Message}");
            return 1;
        }
    }
}
