using System.IO.Compression;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using NodeAgent.Kubernetes.Velero;
using NodeAgent.Stores.Buckets;

namespace NodeAgent.Controller.Work;

/// <summary>
/// The log of one backup or restore, kept compressed in a temporary file until it is uploaded, and the counts and texts of
/// its warnings and errors. A scope of null means the program itself, "" the cluster, anything else a namespace.
/// Safe for concurrent use.
/// </summary>
internal sealed class RunLog : IDisposable
{
    // More texts than this are counted and logged but not kept apart: the results file is read whole by clients.
    private const int MaxKept = 10_000;

    private readonly Lock _gate = new();
    private readonly TimeProvider _time;
    private readonly string _field;
    private readonly FileStream _file;
    private readonly StreamWriter _writer;
    private readonly List<(bool IsError, string? Scope, string Text)> _kept = [];

    /// <param name="field">What every line ends with, such as <c>backup=velero/nightly</c>.</param>
    public RunLog(string workDirectory, string field, TimeProvider time)
    {
        _time = time;
        _field = field;
        _file = WorkFile.Create(workDirectory);
        _writer = new StreamWriter(new GZipStream(_file, CompressionLevel.Optimal, leaveOpen: true), new UTF8Encoding(false));
    }

    public int Warnings { get; private set; }

    public int Errors { get; private set; }

    public void Info(string text) => Write("info", text);

    public void Warn(string? scope, string text)
    {
        lock (_gate)
        {
            Warnings++;
            if (_kept.Count < MaxKept) _kept.Add((false, scope, text));
        }

        Write("warning", text);
    }

    public void Error(string? scope, string text)
    {
        lock (_gate)
        {
            Errors++;
            if (_kept.Count < MaxKept) _kept.Add((true, scope, text));
        }

        Write("error", text);
    }

    /// <summary>The results file's content: errors and warnings by where they arose.</summary>
    public JsonObject Results()
    {
        lock (_gate) return new JsonObject { ["errors"] = Result(true), ["warnings"] = Result(false) };
    }

    /// <summary>Ends the log and gives its compressed content, valid until this object is disposed. Nothing can be logged afterwards.</summary>
    public Stream Finish()
    {
        lock (_gate)
        {
            _writer.Dispose();
            _file.Position = 0;
            return _file;
        }
    }

    public void Dispose()
    {
        _writer.Dispose();
        _file.Dispose();
    }

    private void Write(string level, string text)
    {
        lock (_gate)
        {
            // The compressor is closed once the log was uploaded; what is said later goes to the process's log only.
            if (!_writer.BaseStream.CanWrite) return;
            _writer.Write($"time=\"{ApiTimeConverter.Format(_time.GetUtcNow())}\" level={level} msg=\"{JsonEncodedText.Encode(text, System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping)}\" {_field}\n");
        }
    }

    private JsonObject Result(bool errors)
    {
        var result = new JsonObject();
        foreach (var (_, scope, text) in _kept.Where(k => k.IsError == errors))
        {
            if (scope is null) Append(result, "velero", text);
            else if (scope.Length == 0) Append(result, "cluster", text);
            else
            {
                if (result["namespaces"] is not JsonObject namespaces) result["namespaces"] = namespaces = [];
                Append(namespaces, scope, text);
            }
        }

        return result;
    }

    private static void Append(JsonObject target, string name, string text)
    {
        if (target[name] is not JsonArray list) target[name] = list = [];
        list.Add((JsonNode)text);
    }
}
