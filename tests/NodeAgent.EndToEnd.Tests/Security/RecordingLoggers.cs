using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace NodeAgent.EndToEnd.Tests.Security;

/// <summary>Keeps all that is logged at any level: the text, each value by itself, and the exceptions with all that is in them.</summary>
internal sealed class RecordingLoggers : ILoggerFactory, ILogger
{
    public ConcurrentQueue<string> Lines { get; } = [];

    public ILogger CreateLogger(string categoryName) => this;

    public void AddProvider(ILoggerProvider provider)
    {
    }

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        Lines.Enqueue(formatter(state, exception));
        if (state is IEnumerable<KeyValuePair<string, object?>> values)
        {
            foreach (var (name, value) in values) Lines.Enqueue($"{name}={value}");
        }

        if (exception is not null) Lines.Enqueue(exception.ToString());
    }

    public void Dispose()
    {
    }
}
