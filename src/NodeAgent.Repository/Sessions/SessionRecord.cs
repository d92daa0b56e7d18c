namespace NodeAgent.Repository.Sessions;

/// <summary>That a session began: what <c>sess/&lt;session&gt;/0</c> holds, sealed.</summary>
/// <param name="Time">By the writer's clock.</param>
/// <param name="Program">The program with its version.</param>
/// <param name="Hostname">The machine.</param>
internal sealed record SessionRecord(DateTimeOffset Time, string? Program, string? Hostname);
