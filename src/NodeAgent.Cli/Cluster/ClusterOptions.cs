using System.CommandLine;
using NodeAgent.Cli.CommandLine;

namespace NodeAgent.Cli.Cluster;

/// <summary>How the cluster is found: the flags of Velero's own client, on every verb that talks to one.</summary>
internal static class ClusterOptions
{
    public const string DefaultNamespace = "velero";

    public static readonly Option<string> Namespace = Recursive(Flags.Text("--namespace", "Namespace of the server (default: the client config, VELERO_NAMESPACE, NODEAGENT_NAMESPACE, velero)", "namespace", "-n"));
    public static readonly Option<string> Kubeconfig = Recursive(Flags.Text("--kubeconfig", "Kubeconfig file (default: KUBECONFIG, ~/.kube/config, then the pod's service account)", "file"));
    public static readonly Option<string> Kubecontext = Recursive(Flags.Text("--kubecontext", "Context in the kubeconfig (default: its current one)", "context"));

    // Taken so that scripts written for Velero run unchanged. None of them changes anything here.
    public static readonly Option<string[]> Features = Ignored(Emptied(Flags.List("--features", "Accepted for compatibility")));
    public static readonly Option<bool?> Colorized = Ignored(Flags.OptionalBool("--colorized", "Accepted for compatibility"));
    public static readonly Option<string> Verbosity = Ignored(Flags.Text("-v", "Accepted for compatibility"));
    private static readonly Option[] LogSwitches =
    [
        .. ((string[])["--logtostderr", "--alsologtostderr", "--add_dir_header", "--one_output", "--skip_headers", "--skip_log_headers"])
            .Select(name => Ignored(Flags.OptionalBool(name, "Accepted for compatibility"))),
    ];

    private static readonly Option[] LogTexts =
    [
        .. ((string[])["--log_backtrace_at", "--log_dir", "--log_file", "--log_file_max_size", "--stderrthreshold", "--vmodule"])
            .Select(name => Ignored(Flags.Text(name, "Accepted for compatibility"))),
    ];

    public static Command WithClusterOptions(this Command command)
    {
        foreach (var option in (Option[])[Namespace, Kubeconfig, Kubecontext, Features, Colorized, Verbosity, .. LogSwitches, .. LogTexts])
            command.Add(option);
        return command;
    }

    /// <summary>The flag, else the client's config file, else the environment, else "velero".</summary>
    public static string NamespaceOf(ParseResult parse)
    {
        if (parse.GetValue(Namespace) is { Length: > 0 } given)
            return given;
        if (ClientConfigFile.Load().TryGetValue("namespace", out var configured) && configured.Length > 0)
            return configured;
        foreach (var variable in (ReadOnlySpan<string>)["VELERO_NAMESPACE", "NODEAGENT_NAMESPACE"])
        {
            if (Environment.GetEnvironmentVariable(variable) is { Length: > 0 } value)
                return value;
        }

        return DefaultNamespace;
    }

    private static T Recursive<T>(T option)
        where T : Option
    {
        option.Recursive = true;
        return option;
    }

    /// <summary>Velero's own Deployment says "--features=".</summary>
    private static T Emptied<T>(T option)
        where T : Option
    {
        option.Arity = ArgumentArity.ZeroOrMore;
        return option;
    }

    private static T Ignored<T>(T option)
        where T : Option
    {
        option.Hidden = true;
        return Recursive(option);
    }
}
