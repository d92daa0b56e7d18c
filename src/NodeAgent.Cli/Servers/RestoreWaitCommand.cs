using System.CommandLine;
using NodeAgent.Cli.Invocation;

namespace NodeAgent.Cli.Servers;

/// <summary>The place of `restore-wait` in the help. Program runs the verb itself, before any of this is loaded.</summary>
internal static class RestoreWaitCommand
{
    private static readonly Argument<string> RestoreUid = new("UID") { Description = "UID of the restore" };
    private static readonly Option<string> Root = new("--root") { Description = "Directory below which the pod's volumes are mounted", HelpName = "dir", DefaultValueFactory = static _ => "/restores" };

    public static Command Create()
    {
        var command = new Command(RestoreWait.Verb, "Wait until the volumes of a restored pod are complete (the init container of such pods)") { RestoreUid, Root };
        command.Runs(static (parse, cancellationToken) => RestoreWait.RunAsync([parse.GetValue(RestoreUid)!, "--root", parse.GetValue(Root)!], cancellationToken));
        return command;
    }
}
