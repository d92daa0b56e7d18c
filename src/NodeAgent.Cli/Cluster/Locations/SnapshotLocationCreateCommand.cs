using System.CommandLine;
using NodeAgent.Cli.CommandLine;
using NodeAgent.Cli.Invocation;
using NodeAgent.Cli.Terminal;

namespace NodeAgent.Cli.Cluster.Locations;

/// <summary>Creates a place for volume snapshots.</summary>
internal static class SnapshotLocationCreateCommand
{
    private static readonly Argument<string> LocationName = new("NAME") { Description = "Name of the location" };
    private static readonly Option<string> Provider = new("--provider") { Description = "Provider of the snapshots", HelpName = "name", Required = true };
    private static readonly Option<Dictionary<string, string>> Config = Flags.Map("--config", "Settings of the provider");
    private static readonly Option<Dictionary<string, string>> Labels = Flags.Map("--labels", "Labels of the object");

    public static Command Create(string name = "create")
    {
        var command = new Command(name, "Create a snapshot location") { LocationName, Provider, Config, Labels, CredentialOption.Credential };
        command.WithOutputOptions().Runs(ExecuteAsync);
        return command;
    }

    private static async Task<int> ExecuteAsync(ParseResult parse, CancellationToken cancellationToken)
    {
        var location = VeleroKinds.SnapshotLocation.NewObject(parse.GetValue(LocationName)!, ClusterOptions.NamespaceOf(parse));
        SpecBuilder.SetMetadata(location, parse.GetValue(Labels), null);
        var spec = new SpecBuilder().Set("provider", parse.GetValue(Provider)).Set("config", parse.GetValue(Config));
        if (CredentialOption.ValueOf(parse) is { } credential)
            spec.Set("credential", credential);
        location["spec"] = spec.Build();
        if (OutputOptions.PrintsOnly(parse))
        {
            OutputOptions.PrintObject(parse, location);
            return ExitCode.Done;
        }

        await using var cluster = await ClusterSession.ConnectAsync(parse, cancellationToken);
        await cluster.CreateAsync(VeleroKinds.SnapshotLocation, location, cancellationToken);
        await StandardStreams.Out.WriteLineAsync($"Snapshot volume location \"{location.Name()}\" configured successfully.");
        return ExitCode.Done;
    }
}
