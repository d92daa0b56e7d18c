using System.CommandLine;
using NodeAgent.Cli.Invocation;
using NodeAgent.Cli.Terminal;

namespace NodeAgent.Cli.Cluster;

/// <summary>`client config get` and `client config set`.</summary>
internal static class ClientConfigCommands
{
    private static readonly Argument<string[]> Keys = new("KEY") { Description = "Keys (default: all)", Arity = ArgumentArity.ZeroOrMore };
    private static readonly Argument<string[]> Settings = new("KEY=VALUE") { Description = "Settings; an empty value removes the key", Arity = ArgumentArity.OneOrMore };

    public static Command Create()
    {
        var get = new Command("get", "Print settings of the client") { Keys };
        get.Runs(static (parse, _) => Task.FromResult(Get(parse.GetValue(Keys) ?? [])));
        var set = new Command("set", "Change settings of the client") { Settings };
        set.Runs(static (parse, _) => Task.FromResult(Set(parse.GetValue(Settings) ?? [])));
        return new Command("client", "Settings of the command line")
        {
            new Command("config", "The client's config file: namespace, features, cacert, colorized") { get, set },
        };
    }

    private static int Get(string[] keys)
    {
        var settings = ClientConfigFile.Load();
        foreach (var key in keys.Length > 0 ? keys : [.. settings.Keys])
            StandardStreams.Out.WriteLine($"{key}: {DisplayText.OneLine(settings.GetValueOrDefault(key, "<NOT SET>"))}");
        return ExitCode.Done;
    }

    private static int Set(string[] pairs)
    {
        var settings = ClientConfigFile.Load();
        foreach (var pair in pairs)
        {
            var at = pair.IndexOf('=', StringComparison.Ordinal);
            if (at <= 0)
                throw new UsageException($"client config set {pair}: not a setting (write it as KEY=VALUE)");
            if (at == pair.Length - 1)
                settings.Remove(pair[..at]);
            else
                settings[pair[..at]] = pair[(at + 1)..];
        }

        ClientConfigFile.Save(settings);
        return ExitCode.Done;
    }
}
