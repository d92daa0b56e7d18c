using System.Formats.Tar;
using System.Reflection.PortableExecutable;
using System.Text;

namespace NodeAgent.EndToEnd.Tests.Image;

/// <summary>What is in the image of the Dockerfile, and what must not be.</summary>
public sealed class ImageContentTests(ImageFixture fixture) : IClassFixture<ImageFixture>
{
    private static readonly string[] Proxies = ["http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy"];

    /// <summary>Where the machine keeps what a step of the build may see and must not leave.</summary>
    private static readonly string[] Settings =
        ["root/.nuget", "root/.config", "root/.local", "root/.dotnet", "root/.aspnet", "root/.docker", "root/.netrc", "home/app/.nuget", "home/app/.dotnet", "etc/apt/sources.list", "etc/apt/auth.conf", "etc/apt/preferences", "etc/opt/NuGet", "dev/", "run/secrets"];

    [Fact]
    public async Task Every_blob_has_the_digest_that_names_it_and_the_layers_are_those_of_the_configuration()
    {
        var image = await fixture.ReadAsync();
        Assert.All(image.Blobs, blob => Assert.Equal(blob.Name, blob.Hash));
        var layers = image.Manifest["layers"]!.AsArray();
        Assert.True(layers.Count >= 4, $"{layers.Count} layers");
        Assert.Equal(layers.Select(layer => layer!["digest"]!.GetValue<string>()), image.Configuration["rootfs"]!["diff_ids"]!.AsArray().Select(id => id!.GetValue<string>()));
        Assert.Equal(image.LayerSizes, layers.Select(layer => layer!["size"]!.GetValue<long>()));
        Assert.Equal(layers.Count, image.Configuration["history"]!.AsArray().Count(step => step!["empty_layer"]?.GetValue<bool>() is not true));
        Assert.Equal("docker.io/library/nodeagent:latest", image.Index["manifests"]![0]!["annotations"]!["io.containerd.image.name"]!.GetValue<string>());
    }

    [Fact]
    public async Task It_runs_as_a_user_with_a_number_who_is_not_root_and_starts_nodeagent()
    {
        var config = (await fixture.ReadAsync()).Configuration["config"]!;
        // "runAsNonRoot" can only be checked by a kubelet when the user is a number.
        Assert.True(int.TryParse(config["User"]!.GetValue<string>(), out var user), $"user {config["User"]}");
        Assert.Equal(1654, user);
        Assert.Equal(["/nodeagent"], config["Entrypoint"]!.AsArray().Select(word => word!.GetValue<string>()));
        Assert.Null(config["Cmd"]);
    }

    [Fact]
    public async Task The_command_and_the_program_can_be_run_by_everybody()
    {
        var image = await fixture.ReadAsync();
        const UnixFileMode everybody = UnixFileMode.OtherRead | UnixFileMode.OtherExecute;
        var command = image.File("nodeagent");
        Assert.True(command.IsRegular && (command.Mode & everybody) == everybody, $"{command.Kind} {command.Mode}");
        Assert.Equal("#!/bin/sh\nexec dotnet /app/nodeagent.dll \"$@\"\n", Encoding.UTF8.GetString(command.Content));
        Assert.True(image.File("app/nodeagent.dll").IsRegular);
        Assert.All(Program(image), file => Assert.True(file.Mode.HasFlag(UnixFileMode.OtherRead), $"{file.Path} {file.Mode}"));
        Assert.Equal(everybody, image.File("app").Mode & everybody);
        Assert.DoesNotContain(Program(image), file => file.Mode.HasFlag(UnixFileMode.OtherWrite));
    }

    [Theory]
    [InlineData("libzstd.so.1")]
    [InlineData("libargon2.so.1")]
    public async Task The_libraries_that_the_repository_uses_are_there(string library)
    {
        var image = await fixture.ReadAsync();
        Assert.Contains(image.Files, file => file.Path.StartsWith("usr/lib/", StringComparison.Ordinal) && Path.GetFileName(file.Path) == library && (file.IsRegular || file.Kind is TarEntryType.SymbolicLink));
    }

    [Fact]
    public async Task The_program_is_the_same_for_every_processor()
    {
        var image = await fixture.ReadAsync();
        var program = Program(image).ToList();
        Assert.DoesNotContain(program, file => file.Path.StartsWith("app/runtimes/", StringComparison.Ordinal));
        Assert.All(program, file => Assert.Contains(Path.GetExtension(file.Path), new[] { ".dll", ".pdb", ".json" }));
        foreach (var file in program.Where(file => file.Path.EndsWith(".dll", StringComparison.Ordinal)))
        {
            using var reader = new PEReader(new MemoryStream(file.Content));
            Assert.True(reader.PEHeaders.CorHeader?.Flags.HasFlag(CorFlags.ILOnly) is true, $"{file.Path} holds code of one processor");
        }
    }

    [Fact]
    public async Task There_is_no_SDK_no_source_and_no_package_that_was_only_needed_to_build()
    {
        var image = await fixture.ReadAsync();
        Assert.DoesNotContain(image.Files, file => file.Path.StartsWith("usr/share/dotnet/sdk", StringComparison.Ordinal) || file.Path.StartsWith("build", StringComparison.Ordinal));
        string[] endings = [".cs", ".csproj", ".props", ".targets", ".sln", ".nupkg", ".deb", "packages.lock.json"];
        Assert.DoesNotContain(image.Files, file => endings.Any(ending => file.Path.EndsWith(ending, StringComparison.Ordinal)));
        Assert.DoesNotContain(image.Files, file => file.Path.StartsWith("var/lib/apt/lists/", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Nothing_of_the_machine_that_built_it_is_left()
    {
        var image = await fixture.ReadAsync();
        Assert.DoesNotContain(image.Files, file => file.Kind is not TarEntryType.Directory && Settings.Any(setting => file.Path.StartsWith(setting, StringComparison.Ordinal)));
        Assert.Empty(image.File("etc/resolv.conf").Content);
        Assert.Empty(image.File("etc/hosts").Content);

        string[] variables = [.. image.Configuration["config"]!["Env"]!.AsArray().Select(pair => pair!.GetValue<string>().Split('=')[0])];
        Assert.DoesNotContain(variables, name => Proxies.Contains(name, StringComparer.OrdinalIgnoreCase) || name.StartsWith("SSL_CERT", StringComparison.Ordinal) || name.StartsWith("NUGET", StringComparison.Ordinal) || name.StartsWith("Restore", StringComparison.Ordinal));

        // The places where it was built, in programs and symbols too; and what a proxy is called here.
        string[] places = [Checkout.Root + "/", Path.GetDirectoryName(image.Path) + "/", "/dev/machine", Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget")];
        foreach (var file in image.Files.Where(file => file.Layer >= image.BaseLayers)) AssertHasNone(file, places);
        var values = Proxies.SelectMany(name => new[] { name, name.ToUpperInvariant() }).Select(Environment.GetEnvironmentVariable).OfType<string>().Where(value => value.Contains("://", StringComparison.Ordinal)).ToArray();
        foreach (var file in image.Files.Where(file => file.IsText)) AssertHasNone(file, values);
    }

    [Fact]
    public async Task It_is_small()
    {
        var image = await fixture.ReadAsync();
        // Measured as sums of the layers, not compressed: base image 125 MiB (Debian, nothing added) and 105 MiB (.NET and ASP.NET),
        // libraries and command 0.3 MiB, program 9.8 MiB with its symbols.
        var own = image.LayerSizes.Skip(image.BaseLayers).Sum();
        Assert.InRange(own, 1 << 20, 16 << 20);
        Assert.InRange(image.LayerSizes.Sum(), own, 280 << 20);
    }

    private static IEnumerable<ImageFile> Program(ImageArchive image) => image.Files.Where(file => file.IsRegular && file.Path.StartsWith("app/", StringComparison.Ordinal));

    private static void AssertHasNone(ImageFile file, string[] texts)
    {
        foreach (var text in texts) Assert.False(file.Content.AsSpan().IndexOf(Encoding.UTF8.GetBytes(text)) >= 0, $"{file.Path} holds '{text}'");
    }
}
