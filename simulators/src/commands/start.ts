// npm start: the living fleet. Reads flags and runs the story; holds no policy.
export {};
