using System.IO.Compression;
using System.Text;
using System.Text.Json.Nodes;
using NodeAgent.Controller.Cluster;
using NodeAgent.Kubernetes;
using NodeAgent.Repository.SealedFiles;
using NodeAgent.Repository.Stores;
using NodeAgent.Stores.Locations;

namespace NodeAgent.Controller.Tests.Harness;

/// <summary>What is in a directory location whose files are encrypted, looked at from outside and, with the cluster's Secret, from inside.</summary>
internal static class SealedLocation
{
    /// <summary>The keys of files that are encrypted, and of those that are not, the repository's own left out.</summary>
    public static (IReadOnlyList<string> Sealed, IReadOnlyList<string> Clear) Files(string location)
    {
        var files = new[] { "backups", "restores" }.Select(f => Path.Combine(location, f)).Where(Directory.Exists)
            .SelectMany(f => Directory.GetFiles(f, "*", SearchOption.AllDirectories)).Order(StringComparer.Ordinal).ToList();
        var isSealed = files.ToLookup(f => SealedFileHeader.IsAtStartOf(File.ReadAllBytes(f)), f => Path.GetRelativePath(location, f));
        return ([.. isSealed[true]], [.. isSealed[false]]);
    }

    /// <summary>Fails when a text stands anywhere in the location, as it is or in something that gunzip or zstd could unpack, wherever that begins.</summary>
    public static void AssertHides(string location, params string[] texts)
    {
        foreach (var file in Directory.GetFiles(location, "*", SearchOption.AllDirectories))
        {
            var content = File.ReadAllBytes(file);
            Assert.True(content.AsSpan().IndexOf((byte[])[0x28, 0xb5, 0x2f, 0xfd]) < 0, $"{file} holds a zstd frame");
            foreach (var readable in Unpackings(content).Prepend(content))
            {
                foreach (var text in texts)
                {
                    Assert.True(readable.AsSpan().IndexOf(Encoding.UTF8.GetBytes(text)) < 0, $"{file} shows {text}");
                    Assert.True(readable.AsSpan().IndexOf(Encoding.UTF8.GetBytes(Convert.ToBase64String(Encoding.UTF8.GetBytes(text)))) < 0, $"{file} shows {text} in base64");
                }
            }
        }
    }

    /// <summary>The text of a file, with the Secret of a cluster.</summary>
    public static async Task<string> ReadAsync(ControllerFixture cluster, string location, string key)
    {
        var data = cluster.Api.Find(KubernetesResources.Secrets, ControllerFixture.Ns, RepositoryCredentials.SecretName).StringMap("data");
        using var secret = RepositoryCredentials.Read(name => data.GetValueOrDefault(name));
        await using var store = new DirectoryStore(SampleRepository.RootOf(location));
        using var keys = await SealedFileKeys.OpenAsync(store, secret, TestContext.Current.CancellationToken);
        var content = await File.ReadAllBytesAsync(Path.Combine(location, key), TestContext.Current.CancellationToken);
        using var own = keys.KeyOf(SealedFileHeader.Read(content, key), key);
        return await OpenAsync(key, own, content);
    }

    /// <summary>The text of a file, with the key to it.</summary>
    public static async Task<string> OpenAsync(string name, SealedFileKey key, byte[] content)
    {
        using var stored = new MemoryStream(content[SealedFileHeader.Length..]);
        using var opened = new MemoryStream();
        await SealedFile.OpenAsync(name, name, SealedFileHeader.Read(content, name), key, stored, opened, long.MaxValue, TestContext.Current.CancellationToken);
        opened.Position = 0;
        using var text = new StreamReader(new GZipStream(opened, CompressionMode.Decompress), Encoding.UTF8);
        return await text.ReadToEndAsync(TestContext.Current.CancellationToken);
    }

    private static IEnumerable<byte[]> Unpackings(byte[] content)
    {
        for (var at = content.AsSpan().IndexOf((byte[])[0x1f, 0x8b]); at >= 0;)
        {
            using var gzip = new GZipStream(new MemoryStream(content, at, content.Length - at), CompressionMode.Decompress);
            using var unpacked = new MemoryStream();
            try
            {
                gzip.CopyTo(unpacked);
            }
            catch (InvalidDataException)
            {
                // What came before may still be readable.
            }

            yield return unpacked.ToArray();
            var next = content.AsSpan(at + 1).IndexOf((byte[])[0x1f, 0x8b]);
            at = next < 0 ? -1 : at + 1 + next;
        }
    }
}
