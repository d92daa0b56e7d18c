using System.CommandLine;
using NodeAgent.DevCluster.Interop;

namespace NodeAgent.DevCluster.Demo;

/// <summary>The verb <c>demo</c>. Exit codes: 0 everything came back as it was, 1 it did not or something failed, 130 interrupted.</summary>
internal static class DemoCommand
{
    private static readonly Option<string?> Source = new("--source") { Description = "The directory tree to back up (default: the .NET SDK that runs this)" };
    private static readonly Option<bool> Keep = new("--keep") { Description = "Leave the cluster running until Ctrl-C and print its kubeconfig" };

    public static Command Create()
    {
        var command = new Command("demo", "Backs a pod's volume up, destroys it, restores it, and compares every file") { Source, Keep };
        command.SetAction(ExecuteAsync);
        return command;
    }

    private static async Task<int> ExecuteAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        var source = Path.GetFullPath(parsed.GetValue(Source) ?? DemoSource.Default());
        if (!Directory.Exists(source))
        {
            await Console.Error.WriteLineAsync($"error: --source {source}: no such directory");
            return 1;
        }

        var directory = Directory.CreateTempSubdirectory("nodeagent-demo-").FullName;
        try
        {
            return await new DemoRun(new DemoOptions(source, parsed.GetValue(Keep)), directory).ExecuteAsync(cancellationToken) == 0 ? 0 : 1;
        }
        catch (DemoException failure)
        {
            await Console.Error.WriteLineAsync($"error: {failure.Message}");
            return 1;
        }
        catch (IOException failure)
        {
            await Console.Error.WriteLineAsync($"error: {failure.Message}");
            return 1;
        }
        catch (OperationCanceledException)
        {
            return 130;
        }
        finally
        {
            DirectoryTree.Remove(directory);
        }
    }
}
