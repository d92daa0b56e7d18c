using System.Text.Json.Serialization;

namespace NodeAgent.Repository.Sessions;

/// <summary>That a session began, lives, has ended or was revoked: what the objects below <c>sess/&lt;session&gt;/</c> hold, sealed.</summary>
/// <param name="Time">By the writer's clock.</param>
/// <param name="Program">The program with its version.</param>
/// <param name="Hostname">The machine.</param>
/// <param name="PublishSeconds">How long, at most, its fences last; 300 when it does not say.</param>
internal sealed record SessionRecord(DateTimeOffset Time, string? Program, string? Hostname, int? PublishSeconds = null)
{
    public const int DefaultPublishSeconds = 300;

    [JsonIgnore]
    public TimeSpan FenceLifetime => TimeSpan.FromSeconds(PublishSeconds ?? DefaultPublishSeconds);
}
