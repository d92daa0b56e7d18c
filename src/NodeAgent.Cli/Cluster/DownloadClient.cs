using System.IO.Compression;
using System.Text.Json.Nodes;
using NodeAgent.Cli.Invocation;
using NodeAgent.Cli.Terminal;
using NodeAgent.Repository.SealedFiles;
using NodeAgent.Stores.Buckets;

namespace NodeAgent.Cli.Cluster;

/// <summary>
/// Fetches a file of a backup or restore: a DownloadRequest asks the server for an address, and the file is read from
/// there. The address is http(s) for a bucket, that of the controller's Service for a directory, and file:// for a directory of this machine.
/// </summary>
internal sealed class DownloadClient(ClusterSession cluster, DownloadTrust trust, TimeSpan timeout) : IDisposable
{
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(250);
    private readonly List<IDisposable> _open = [];

    /// <summary>Opens the file, still compressed. The caller disposes the stream, and this client after it.</summary>
    /// <param name="kind">One of the target kinds of a DownloadRequest, as BackupLog or RestoreResults.</param>
    /// <param name="name">Name of the backup or restore.</param>
    /// <param name="storageLocation">Its backup location, whose certificate is trusted when none was given.</param>
    /// <returns>Null when the server has no such file.</returns>
    /// <exception cref="CommandException">The server did not answer in time, or said why it cannot.</exception>
    public async Task<Stream?> OpenAsync(string kind, string name, string storageLocation, CancellationToken cancellationToken)
    {
        var request = await SubmitAsync(kind, name, cancellationToken);
        try
        {
            var address = await WaitForAddressAsync(kind, name, request, cancellationToken);
            if (!SealedAddress.TrySplit(address, out var clear, out var key, out var sealedName)) return await OpenAsync(kind, name, address, storageLocation, cancellationToken);
            using (key)
            {
                await using var stored = await OpenAsync(kind, name, clear, storageLocation, cancellationToken);
                return stored is null ? null : await UnsealAsync($"{kind} of {name}", stored, key, sealedName, cancellationToken);
            }
        }
        finally
        {
            // The server removes expired requests as well; this only keeps the list short.
            await cluster.TryDeleteAsync(VeleroKinds.DownloadRequest, request, CancellationToken.None);
        }
    }

    /// <summary>As <see cref="OpenAsync"/>, decompressed.</summary>
    public async Task<Stream?> OpenTextAsync(string kind, string name, string storageLocation, CancellationToken cancellationToken) =>
        await OpenAsync(kind, name, storageLocation, cancellationToken) is { } stream ? new GZipStream(stream, CompressionMode.Decompress) : null;

    public void Dispose()
    {
        foreach (var connection in Enumerable.Reverse(_open))
            connection.Dispose();
    }

    private async Task<string> SubmitAsync(string kind, string name, CancellationToken cancellationToken)
    {
        var requestName = $"{(name.Length > 200 ? name[..200] : name)}-{Guid.NewGuid()}";
        var request = VeleroKinds.DownloadRequest.NewObject(requestName, cluster.Namespace);
        request["spec"] = new JsonObject { ["target"] = new JsonObject { ["kind"] = kind, ["name"] = name } };
        await cluster.CreateAsync(VeleroKinds.DownloadRequest, request, cancellationToken);
        return requestName;
    }

    private async Task<string> WaitForAddressAsync(string kind, string name, string request, CancellationToken cancellationToken)
    {
        var time = TimeProvider.System;
        var started = time.GetTimestamp();
        using var timer = new PeriodicTimer(PollInterval, time);
        do
        {
            var state = await cluster.GetAsync(VeleroKinds.DownloadRequest, request, cancellationToken);
            if (state.Raw("status", "phase") == "Failed")
                throw new CommandException(ExitCode.Failed, $"{kind} of {name}: the server cannot give it: {state.Text("status", "message")}");
            if (state.Raw("status", "downloadURL") is { Length: > 0 } address) return address;
        }
        while (time.GetElapsedTime(started) < timeout && await timer.WaitForNextTickAsync(cancellationToken));

        throw new CommandException(ExitCode.Failed, $"{kind} of {name}: the server gave no address within {timeout.TotalSeconds:0} s (is the controller running? --timeout waits longer)");
    }

    private async Task<Stream?> OpenAsync(string kind, string name, string address, string storageLocation, CancellationToken cancellationToken)
    {
        if (!Uri.TryCreate(address, UriKind.Absolute, out var url) || url.Scheme is not ("http" or "https" or "file"))
            throw new CommandException(ExitCode.Failed, $"{kind} of {name}: the server gave an address that cannot be read: {DisplayText.OneLine(address)}");
        if (url.IsFile) return OpenFile(url);
        // Names of services mean something within the cluster only; the API server passes the request on.
        return url.Host.Split('.') is [var service, var ns, "svc"]
            ? await cluster.OpenServiceAsync(ns, service, url.Port, url.PathAndQuery, cancellationToken)
            : await OpenHttpAsync(url, storageLocation, cancellationToken);
    }

    /// <summary>Decrypts the file into one that goes when it is closed: nobody is given a part of a file that turns out to be altered.</summary>
    private static async Task<Stream> UnsealAsync(string what, Stream stored, SealedFileKey key, string sealedName, CancellationToken cancellationToken)
    {
        var opened = WorkFile.Create(Path.GetTempPath());
        try
        {
            var start = new byte[SealedFileHeader.Length];
            var read = await stored.ReadAtLeastAsync(start, start.Length, throwOnEndOfStream: false, cancellationToken);
            var header = SealedFileHeader.Read(start.AsSpan(0, read), what);
            await SealedFile.OpenAsync(sealedName, what, header, key, stored, opened, long.MaxValue, cancellationToken);
            opened.Position = 0;
            return opened;
        }
        catch (InvalidDataException exception)
        {
            await opened.DisposeAsync();
            throw new CommandException(ExitCode.Failed, exception.Message, exception);
        }
        catch
        {
            await opened.DisposeAsync();
            throw;
        }
    }

    private static FileStream? OpenFile(Uri url)
    {
        try
        {
            return new FileStream(url.LocalPath, FileMode.Open, FileAccess.Read, FileShare.Read);
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }

    /// <summary>Streams: the objects of a large cluster are no matter for memory.</summary>
    private async Task<Stream?> OpenHttpAsync(Uri url, string storageLocation, CancellationToken cancellationToken)
    {
        var handler = new SocketsHttpHandler { AutomaticDecompression = System.Net.DecompressionMethods.None };
        var client = new HttpClient(handler) { Timeout = timeout };
        _open.Add(client);
        await trust.ApplyAsync(handler, cluster, storageLocation, cancellationToken);
        try
        {
            var response = await client.GetAsync(url, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
            _open.Add(response);
            if (response.StatusCode == System.Net.HttpStatusCode.NotFound)
                return null;
            response.EnsureSuccessStatusCode();
            return await response.Content.ReadAsStreamAsync(cancellationToken);
        }
        catch (HttpRequestException exception)
        {
            throw new CommandException(ExitCode.Failed, $"fetch from {url.Authority}: {exception.Message} (the address is that of the store; can it be reached from here?)", exception);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new CommandException(ExitCode.Failed, $"fetch from {url.Authority}: no answer within {timeout.TotalSeconds:0} s (--timeout waits longer)");
        }
    }
}
