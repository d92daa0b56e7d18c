using NodeAgent.Cli.CommandLine;
using NodeAgent.Cli.Invocation;
using NodeAgent.Cli.Servers;

OpenFileLimit.Raise();
using var interruption = new Interruption();
return args is [RestoreWait.Verb, .. var rest] && !rest.Any(argument => argument is "--help" or "-h" or "-?")
    ? await RestoreWait.RunAsync(rest, interruption.Token)
    : await NodeAgentCommand.RunAsync(args, interruption.Token);
