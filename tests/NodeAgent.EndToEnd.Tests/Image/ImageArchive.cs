using System.Formats.Tar;
using System.Security.Cryptography;
using System.Text.Json.Nodes;

namespace NodeAgent.EndToEnd.Tests.Image;

/// <summary>The image that <c>tests/services/image build</c> made of the Dockerfile: an archive in the OCI layout.</summary>
internal sealed class ImageArchive
{
    public const string Variable = "NODEAGENT_TEST_IMAGE_ARCHIVE";

    /// <summary>Files up to this are kept with their content.</summary>
    public const int LargestContent = 4 << 20;

    private readonly Dictionary<string, ImageFile> files = new(StringComparer.Ordinal);

    private ImageArchive(string path, JsonObject index)
    {
        Path = path;
        Index = index;
    }

    public string Path { get; }
    public JsonObject Index { get; }
    public JsonObject Manifest { get; private set; } = [];
    public JsonObject Configuration { get; private set; } = [];

    /// <summary>The bytes of each layer, not compressed, from below.</summary>
    public List<long> LayerSizes { get; } = [];

    /// <summary>What the hash of each blob is, beside the name that it has.</summary>
    public List<(string Name, string Hash)> Blobs { get; } = [];

    /// <summary>What a container of this image finds.</summary>
    public IReadOnlyCollection<ImageFile> Files => files.Values;

    /// <summary>How many layers are those of the image that the Dockerfile starts from.</summary>
    public int BaseLayers => Configuration["history"]!.AsArray().Count(step => step!["created_by"]!.GetValue<string>().StartsWith("stand-in", StringComparison.Ordinal));

    public ImageFile File(string path) => files.GetValueOrDefault(path) ?? throw new FileNotFoundException($"the image has no {path}");

    /// <summary>Skips the test when no image was built.</summary>
    public static string PathOrSkip()
    {
        var path = Environment.GetEnvironmentVariable(Variable);
        Assert.SkipUnless(path is { Length: > 0 }, $"{Variable} is not set: eval \"$(tests/services/image build --tests)\" builds the image (as root)");
        return path!;
    }

    public static async Task<ImageArchive> ReadAsync(string path, CancellationToken cancellationToken)
    {
        await using var stream = System.IO.File.OpenRead(path);
        var blobs = new Dictionary<string, Stream>(StringComparer.Ordinal);
        JsonObject? index = null;
        await using var reader = new TarReader(stream);
        while (await reader.GetNextEntryAsync(copyData: false, cancellationToken) is { } entry)
        {
            if (entry.Name == "index.json") index = await JsonAsync(entry.DataStream!, cancellationToken);
            // The archive can be sought, so a blob stays readable once the reader is past it.
            else if (entry.EntryType is TarEntryType.RegularFile && entry.Name.StartsWith("blobs/sha256/", StringComparison.Ordinal))
                blobs["sha256:" + entry.Name["blobs/sha256/".Length..]] = entry.DataStream!;
        }

        var image = new ImageArchive(path, index ?? throw new InvalidDataException($"{path} has no index.json"));
        foreach (var (name, blob) in blobs)
        {
            image.Blobs.Add((name, "sha256:" + Convert.ToHexStringLower(await SHA256.HashDataAsync(blob, cancellationToken))));
            blob.Position = 0;
        }

        image.Manifest = await JsonAsync(blobs[Digest(image.Index["manifests"]![0]!)], cancellationToken);
        image.Configuration = await JsonAsync(blobs[Digest(image.Manifest["config"]!)], cancellationToken);
        foreach (var layer in image.Manifest["layers"]!.AsArray())
        {
            var blob = blobs[Digest(layer!)];
            image.LayerSizes.Add(blob.Length);
            await image.AddLayerAsync(blob, cancellationToken);
        }

        return image;
    }

    private async Task AddLayerAsync(Stream blob, CancellationToken cancellationToken)
    {
        var layer = LayerSizes.Count - 1;
        await using var reader = new TarReader(blob, leaveOpen: true);
        while (await reader.GetNextEntryAsync(copyData: false, cancellationToken) is { } entry)
        {
            var path = entry.Name.Trim('/');
            var name = System.IO.Path.GetFileName(path);
            var folder = path[..^name.Length];
            if (name == ".wh..wh..opq") Remove(folder, layer);
            else if (name.StartsWith(".wh.", StringComparison.Ordinal))
            {
                files.Remove(folder + name[4..]);
                Remove(folder + name[4..] + "/", layer);
            }
            else
            {
                var content = Array.Empty<byte>();
                if (entry.DataStream is { Length: <= LargestContent } data)
                {
                    content = new byte[data.Length];
                    await data.ReadExactlyAsync(content, cancellationToken);
                }

                files[path] = new ImageFile(path, layer, entry.EntryType, entry.Mode, entry.Length, content);
            }
        }
    }

    private void Remove(string folder, int above)
    {
        foreach (var path in files.Values.Where(file => file.Layer < above && file.Path.StartsWith(folder, StringComparison.Ordinal)).Select(file => file.Path).ToList()) files.Remove(path);
    }

    private static string Digest(JsonNode descriptor) => descriptor["digest"]!.GetValue<string>();

    private static async Task<JsonObject> JsonAsync(Stream stream, CancellationToken cancellationToken) =>
        (await JsonNode.ParseAsync(stream, cancellationToken: cancellationToken))!.AsObject();
}
