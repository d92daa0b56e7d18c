using System.CommandLine;
using NodeAgent.Cli.Invocation;
using NodeAgent.Hosting;
using NodeAgent.Hosting.Endpoints;
using NodeAgent.Hosting.Logging;

namespace NodeAgent.Cli.Servers;

/// <summary>Starts what surrounds a server: its log, its metrics and its probes, as the flags say.</summary>
internal static class ServerProcess
{
    public static async Task<ProcessHost> StartAsync(string service, ParseResult parse, Option<string> metrics, Option<string> health, CancellationToken cancellationToken)
    {
        try
        {
            var options = new ProcessHostOptions
            {
                ServiceName = service,
                Log = LogSettings.Parse(parse.GetValue(ServerLogging.Level)!, parse.GetValue(ServerLogging.Format)!),
                MetricsAddress = AddressOf(parse, metrics),
                HealthAddress = AddressOf(parse, health),
            };
            return await ProcessHost.StartAsync(options, cancellationToken);
        }
        catch (FormatException exception)
        {
            throw new UsageException(exception.Message);
        }
    }

    /// <summary>Null when the flag is not given.</summary>
    /// <exception cref="UsageException">It is no address.</exception>
    public static ListenAddress? AddressOf(ParseResult parse, Option<string> option)
    {
        try
        {
            return parse.GetValue(option) is { Length: > 0 } text ? ListenAddress.Parse(text) : null;
        }
        catch (FormatException exception)
        {
            throw new UsageException(exception.Message);
        }
    }
}
