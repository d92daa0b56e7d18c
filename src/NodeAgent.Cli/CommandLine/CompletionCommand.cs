using System.CommandLine;
using NodeAgent.Cli.Invocation;
using NodeAgent.Cli.Terminal;

namespace NodeAgent.Cli.CommandLine;

/// <summary>Prints a completion script. The program itself answers what may follow, by the parser's [suggest] directive.</summary>
internal static class CompletionCommand
{
    private const string Bash = """
        # bash completion for nodeagent; load it with: source <(nodeagent completion bash)
        _nodeagent() {
            local line="${COMP_LINE:0:COMP_POINT}" IFS=$'\n'
            COMPREPLY=($(compgen -W "$(nodeagent "[suggest:${#line}]" "$line" 2>/dev/null)" -- "${COMP_WORDS[COMP_CWORD]}"))
        }
        complete -o default -F _nodeagent nodeagent

        """;

    private const string Zsh = """
        #compdef nodeagent
        # zsh completion for nodeagent; load it with: source <(nodeagent completion zsh)
        _nodeagent() {
            local line="${BUFFER[1,CURSOR]}"
            local -a words_found
            words_found=("${(@f)$(nodeagent "[suggest:${#line}]" "$line" 2>/dev/null)}")
            compadd -- $words_found || _files
        }
        compdef _nodeagent nodeagent

        """;

    private const string Fish = """
        # fish completion for nodeagent; load it with: nodeagent completion fish | source
        function __nodeagent_complete
            set -l line (commandline -cp)
            nodeagent "[suggest:"(string length -- $line)"]" "$line" 2>/dev/null
        end
        complete -c nodeagent -a '(__nodeagent_complete)'

        """;

    public static Command Create() => new("completion", "Print a completion script for a shell")
    {
        ForShell("bash", Bash),
        ForShell("zsh", Zsh),
        ForShell("fish", Fish),
    };

    private static Command ForShell(string shell, string script)
    {
        var command = new Command(shell, $"Completion for {shell}");
        command.Runs(async (_, cancellationToken) =>
        {
            await StandardStreams.Out.WriteAsync(script.AsMemory(), cancellationToken);
            return ExitCode.Done;
        });
        return command;
    }
}
