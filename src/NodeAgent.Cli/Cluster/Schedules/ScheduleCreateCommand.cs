using System.CommandLine;
using System.Text.Json.Nodes;
using NodeAgent.Cli.Cluster.Backups;
using NodeAgent.Cli.CommandLine;
using NodeAgent.Cli.Invocation;
using NodeAgent.Cli.Terminal;

namespace NodeAgent.Cli.Cluster.Schedules;

/// <summary>Creates a schedule: a cron expression and the backup that it makes.</summary>
internal static class ScheduleCreateCommand
{
    private static readonly Argument<string> ScheduleName = new("NAME") { Description = "Name of the schedule" };
    private static readonly Option<string> Schedule = new("--schedule") { Description = "When to back up, in cron's five fields or as @every 6h", HelpName = "cron", Required = true };
    private static readonly Option<bool> UseOwnerReferences = Flags.Switch("--use-owner-references-in-backup", "Let the backups go when the schedule is deleted");
    private static readonly Option<bool> Paused = Flags.Switch("--paused", "Create it without starting it");
    private static readonly Option<bool> RunOnCreation = Flags.Switch("--run-on-creation", "Make the first backup at once, and not when the expression first comes");
    private static readonly Option<bool?> SkipImmediately = Flags.OptionalBool("--skip-immediately", "Wait for the first due time instead of backing up at once (unset: the server's setting)");

    public static Command Create(string name = "create")
    {
        var command = new Command(name, "Create a schedule") { ScheduleName, Schedule };
        BackupSpecOptions.AddTo(command);
        foreach (Option option in (Option[])[UseOwnerReferences, Paused, SkipImmediately, RunOnCreation])
            command.Add(option);
        command.WithOutputOptions().Runs(ExecuteAsync);
        return command;
    }

    private static async Task<int> ExecuteAsync(ParseResult parse, CancellationToken cancellationToken)
    {
        if (OutputOptions.PrintsOnly(parse))
        {
            OutputOptions.PrintObject(parse, Build(parse, ClusterOptions.NamespaceOf(parse)));
            return ExitCode.Done;
        }

        await using var cluster = await ClusterSession.ConnectAsync(parse, cancellationToken);
        var schedule = Build(parse, cluster.Namespace);
        await cluster.CreateAsync(VeleroKinds.Schedule, schedule, cancellationToken);
        await StandardStreams.Out.WriteLineAsync($"Schedule \"{schedule.Name()}\" created successfully.");
        return ExitCode.Done;
    }

    private static JsonObject Build(ParseResult parse, string @namespace)
    {
        var schedule = VeleroKinds.Schedule.NewObject(parse.GetValue(ScheduleName)!, @namespace);
        SpecBuilder.SetMetadata(schedule, parse.GetValue(BackupSpecOptions.Labels), parse.GetValue(BackupSpecOptions.Annotations));
        if (parse.GetValue(RunOnCreation)) Annotate(schedule);
        schedule["spec"] = new SpecBuilder()
            .Set("schedule", parse.GetValue(Schedule))
            .Set("template", BackupSpecOptions.BuildSpec(parse))
            .Set("useOwnerReferencesInBackup", (bool?)parse.GetValue(UseOwnerReferences))
            .Set("paused", parse.GetValue(Paused) ? true : null)
            .Set("skipImmediately", parse.GetValue(SkipImmediately))
            .Build();
        return schedule;
    }

    private static void Annotate(JsonObject schedule)
    {
        var metadata = schedule["metadata"]!.AsObject();
        if (metadata["annotations"] is not JsonObject annotations) metadata["annotations"] = annotations = [];
        annotations["nodeagent.io/run-on-creation"] = "true";
    }
}
